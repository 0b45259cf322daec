"""Common given names and surnames of the cultures that meet in the demo's clinics. Nobody in particular is meant."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Culture:
    """How people of one language are called. `language` is BCP 47."""

    language: str
    women: tuple[str, ...]
    men: tuple[str, ...]
    families: tuple[str, ...]


def _culture(language: str, women: str, men: str, families: str) -> Culture:
    return Culture(language, tuple(women.split()), tuple(men.split()), tuple(families.split()))


CULTURES: dict[str, Culture] = {
    culture.language: culture
    for culture in (
        _culture(
            "en",
            "Abigail Alice Amelia Charlotte Claire Eleanor Emily Grace Hannah Harriet Isla Julia Katherine Lucy "
            "Margaret Martha Megan Naomi Olivia Paige Rachel Rebecca Ruth Sarah Sophie Tessa Victoria Zoe",
            "Adam Andrew Arthur Benjamin Caleb Charles Daniel David Edward Ethan Gareth George Henry Isaac Jack "
            "James Joseph Liam Marcus Matthew Nathan Oliver Owen Patrick Peter Samuel Simon Thomas William",
            "Adams Bailey Baker Barnes Bennett Brooks Campbell Carter Clarke Collins Cooper Davies Edwards Ellis "
            "Evans Foster Gibson Graham Harris Hughes Jackson Jenkins Kelly Lawson Marshall Mitchell Morgan "
            "Murphy Parker Phillips Price Reid Roberts Russell Shaw Stewart Sullivan Taylor Turner Walker Ward "
            "Watson Webb Wood Wright",
        ),
        _culture(
            "es",
            "Adriana Alejandra Camila Carmen Daniela Elena Gabriela Isabel Lucía Luz María Marisol Paola Rosa "
            "Sofía Teresa Valeria Ximena",
            "Alejandro Andrés Carlos Diego Eduardo Emilio Fernando Héctor Javier Joaquín Jorge Luis Manuel Mateo "
            "Miguel Rafael Ricardo Sergio",
            "Aguilar Álvarez Castillo Cruz Delgado Díaz Flores García Gómez González Guzmán Hernández Jiménez "
            "López Martínez Mendoza Morales Núñez Ortiz Peña Ramírez Reyes Rivera Romero Ruiz Sánchez Torres "
            "Vargas Vega",
        ),
        _culture(
            "de",
            "Anja Anna Birgit Charlotte Elke Emma Frieda Greta Heike Ingrid Johanna Katrin Lena Lina Marlene Mia "
            "Monika Nele Petra Sabine Silke Susanne Ursula",
            "Andreas Anton Ben Bernd Christian Dieter Emil Felix Friedrich Georg Hannes Jan Jonas Jürgen Karl "
            "Klaus Leon Lukas Matthias Moritz Stefan Uwe Wolfgang",
            "Albrecht Bauer Becker Böhm Brandt Busch Dietrich Engel Fischer Franke Groß Hartmann Hofmann Jäger "
            "Kaiser Keller Koch König Krause Krüger Lange Lehmann Lorenz Möller Müller Neumann Pohl Richter Sauer "
            "Schäfer Schmidt Schneider Schröder Schulz Seidel Vogel Voigt Weber Winter Wolff Zimmermann",
        ),
        _culture(
            "tr",
            "Aylin Ayşe Defne Elif Emine Esra Fatma Leyla Meryem Nur Selin Zeynep",
            "Ahmet Ali Burak Can Cem Deniz Emre Hakan Kerem Mehmet Murat Yusuf",
            "Arslan Aydın Çelik Demir Doğan Güneş Kaplan Kaya Kılıç Koç Korkmaz Özdemir Öztürk Şahin Yıldız Yılmaz",
        ),
        _culture(
            "pl",
            "Agnieszka Aleksandra Barbara Ewa Hanna Joanna Katarzyna Magdalena Małgorzata Maja Wiktoria Zofia",
            "Adam Bartosz Jakub Jan Kacper Krzysztof Łukasz Marek Michał Paweł Piotr Tomasz",
            "Dąbrowski Duda Górski Jankowski Kamiński Kowalczyk Kowalski Lewandowski Mazur Nowak Pawlak Szymański "
            "Wieczorek Wiśniewski Wójcik Zając Zieliński",
        ),
        _culture(
            "zh",
            "Fang Hui Jing Li Lan Mei Min Na Xia Xinyi Yan Yating Ying Yue",
            "Bo Chao Hao Jian Jun Kai Lei Ming Peng Tao Wei Xiang Yang Zhi",
            "Chen Deng Feng Gao Guo He Huang Li Lin Liu Luo Ma Sun Tang Wang Wu Xu Yang Zhang Zhao Zheng Zhou Zhu",
        ),
        _culture(
            "hi",
            "Aditi Ananya Anjali Deepa Divya Isha Kavita Lakshmi Meera Neha Nisha Pooja Priya Riya Shreya Sunita",
            "Aarav Ajay Amit Arjun Ashok Karan Manish Nikhil Rahul Rajesh Rohan Sanjay Suresh Varun Vikram Vivek",
            "Agarwal Bhatt Chopra Das Desai Gupta Iyer Jain Joshi Kapoor Kumar Mehta Menon Nair Patel Rao Reddy "
            "Shah Sharma Singh Verma",
        ),
        _culture(
            "vi",
            "Anh Bích Chi Hạnh Hoa Hương Lan Linh Mai Ngọc Phương Thảo Thu Trang",
            "An Bảo Cường Đức Dũng Hiếu Hùng Khoa Long Minh Nam Phong Quân Tuấn",
            "Bùi Đặng Đỗ Dương Hoàng Huỳnh Lê Lý Ngô Nguyễn Phạm Phan Trần Trịnh Trương Võ Vũ",
        ),
        _culture(
            "ar",
            "Aisha Amal Dalia Dina Fatima Hala Huda Layla Mona Nadia Rania Salma Samira Yasmin",
            "Adel Ahmad Bilal Faisal Hassan Ibrahim Karim Khalid Mahmoud Nabil Omar Rami Sami Tariq",
            "Abbas Aziz Darwish Farah Habib Haddad Hakim Hamdan Kassem Khalil Khoury Mansour Nasser Qasim Rahman "
            "Saleh Sayegh",
        ),
        _culture(
            "it",
            "Alessia Bianca Chiara Elisa Federica Francesca Giulia Ilaria Laura Martina Paola Silvia",
            "Alessandro Andrea Davide Enrico Fabio Francesco Giorgio Lorenzo Luca Marco Matteo Stefano",
            "Bianchi Bruno Caruso Colombo Conti Costa Esposito Ferrari Gallo Greco Mancini Marino Moretti Ricci "
            "Rinaldi Romano Russo Serra",
        ),
        _culture(
            "yo",
            "Abeni Adaeze Bisi Chioma Folake Funmi Ifeoma Ngozi Simisola Temitope Titilayo Yetunde",
            "Adebayo Ayodele Babatunde Chidi Emeka Femi Kunle Obinna Olumide Segun Tunde Uche",
            "Abiola Adeleke Adeyemi Afolabi Akande Balogun Bankole Eze Nwosu Obi Okafor Okonkwo Oladipo Olawale "
            "Onyango",
        ),
        _culture(
            "el",
            "Angeliki Athina Despina Eleni Eirini Georgia Ioanna Katerina Maria Sofia Vasiliki Zoi",
            "Alexandros Christos Dimitris Giannis Giorgos Ilias Konstantinos Nikos Panagiotis Spyros Stavros Thanasis",
            "Alexiou Christou Georgiou Ioannou Karagiannis Kostas Makris Nikolaidis Oikonomou Papadakis Pappas Vlachos",
        ),
        _culture(
            "fr",
            "Amélie Camille Céline Chloé Élise Hélène Inès Juliette Manon Mathilde Noémie Sylvie",
            "Antoine Baptiste Étienne François Guillaume Hugo Julien Laurent Mathieu Nicolas Olivier Théo",
            "Bernard Blanchard Chevalier Dubois Dupuis Fontaine Garnier Lambert Lefèvre Marchand Mercier Moreau "
            "Perrin Renard Rousseau",
        ),
    )
}

RELATIONS = ("spouse", "partner", "mother", "father", "sister", "brother", "daughter", "son", "friend")
